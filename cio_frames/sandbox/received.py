"""What a sandbox received and what came of it, as frames: the half of ``Sandbox`` that is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cio_frames.errors import ConfigurationError
from cio_frames.sandbox import frames

if TYPE_CHECKING:
    from cio_frames.sandbox.settings import Settings
    from cio_frames.sandbox.store import Store
    from cio_frames.sandbox.writer import Writer


class Received:
    """The frames of a sandbox. Each shows everything that was answered before it was asked for."""

    _store: Store
    _settings: Settings
    _writer: Writer | None

    def calls(self) -> pd.DataFrame:
        """Return the calls that were taken, one per row, in order of receipt.

        Returns
        -------
        pandas.DataFrame
            The wire's own fields as columns, always the same ones, None where a call has no such field;
            ``receivedAt``; and ``request``, the number of the request that carried the call.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().calls().columns[:4].tolist()
        ['type', 'messageId', 'userId', 'anonymousId']
        """
        return frames.calls_frame(self._store)

    def people(self) -> pd.DataFrame:
        """Return the people, one per row, in the order in which they were first seen.

        Identify calls create and update them: absent traits stay, null and ``""`` erase. Events, groups and
        devices of somebody unknown create them too. A visitor is somebody who is known by an anonymous id alone;
        an identify with both ids, or an alias, makes visitor and person one.

        Returns
        -------
        pandas.DataFrame
            ``userId``, ``email``, ``anonymousId`` (the last one), ``cioId`` (None for a visitor; as a user id it
            names the person whose other ids may then change), ``createdAt`` and ``traits``.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().people().columns.tolist()
        ['userId', 'email', 'anonymousId', 'cioId', 'createdAt', 'traits']
        """
        return frames.people_frame(self._state())

    def events(self) -> pd.DataFrame:
        """Return what people did: the track, page and screen calls, in order of receipt.

        Customer.io's own events (User Deleted, Device Created or Updated, ...) act and are not listed, nor are those
        of suppressed people and those with a ULID as message id that was seen before.

        Returns
        -------
        pandas.DataFrame
            ``type``, ``event`` (the name of the event, page or screen), ``userId`` and ``anonymousId`` as they
            came, ``cioId`` of the person whose it is by now, ``timestamp`` (the time of receipt where the call has
            none), ``properties`` and ``request``.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().events().columns.tolist()
        ['type', 'event', 'userId', 'anonymousId', 'cioId', 'timestamp', 'properties', 'request']
        """
        return frames.events_frame(self._state(), self._settings.assumed)

    def objects(self) -> pd.DataFrame:
        """Return the objects that group calls made, one per row, by type.

        Returns
        -------
        pandas.DataFrame
            ``objectTypeId`` (text, "1" where the call has none), ``objectId``, ``attributes``, and how many
            ``people`` have a relationship to it.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().objects().columns.tolist()
        ['objectTypeId', 'objectId', 'attributes', 'people']
        """
        return frames.objects_frame(self._state())

    def relationships(self) -> pd.DataFrame:
        """Return the relationships of people to objects, one per row.

        Returns
        -------
        pandas.DataFrame
            ``objectTypeId``, ``objectId``, the person's ``userId``, ``anonymousId`` and ``cioId``, and
            ``attributes`` of the relationship.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().relationships().columns.tolist()
        ['objectTypeId', 'objectId', 'userId', 'anonymousId', 'cioId', 'attributes']
        """
        return frames.relationships_frame(self._state())

    def devices(self) -> pd.DataFrame:
        """Return the devices of people, one per row.

        Returns
        -------
        pandas.DataFrame
            The person's ``userId``, ``anonymousId`` and ``cioId``; ``token``, ``type`` (ios or android),
            ``lastUsed`` and ``attributes``.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().devices().columns.tolist()
        ['userId', 'anonymousId', 'cioId', 'token', 'type', 'lastUsed', 'attributes']
        """
        return frames.devices_frame(self._state())

    def suppressed(self) -> pd.DataFrame:
        """Return whom nobody may know any more, one person per row.

        Returns
        -------
        pandas.DataFrame
            ``userId`` and ``email`` that are blocked, ``suppressedAt``, and how many later calls were ``ignored``;
            :meth:`problems` lists each of them.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().suppressed().columns.tolist()
        ['userId', 'email', 'suppressedAt', 'ignored']
        """
        return frames.suppressed_frame(self._state())

    def requests(self) -> pd.DataFrame:
        """Return the requests, one per row, those that were refused too.

        Returns
        -------
        pandas.DataFrame
            ``number`` (from 0), ``path``, ``status`` that was answered, ``bytes`` of the body (decompressed),
            ``calls`` that it held, taken or not, and ``strict``.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().requests().columns.tolist()
        ['number', 'path', 'status', 'bytes', 'calls', 'strict']
        """
        return frames.requests_frame(self._store.requests())

    def problems(self) -> pd.DataFrame:
        """Return what was wrong: calls that strict mode refused, that permissive mode swallowed, or that did nothing.

        A call that was answered 200 and did not do all it says (a suppressed person, a repeated message id, an email
        that is another person's) is here too. Calls that were right and refused along with their batch are not.

        Returns
        -------
        pandas.DataFrame
            ``request`` (its number), ``item`` (the call's place in its batch, from 0; missing where there was
            no batch, or all of it was wrong), ``messageId`` where there was one, and ``reason``.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().problems().columns.tolist()
        ['request', 'item', 'messageId', 'reason']
        """
        return frames.problems_frame(self._caught_up().problems())

    def _state(self) -> Store:
        if not self._settings.keeps_state:
            raise ConfigurationError(
                "This sandbox keeps no state, so it has calls(), requests() and problems() alone. "
                "For the rest, leave out state=False (--no-state)."
            )
        return self._caught_up()

    def _caught_up(self) -> Store:
        """Return the store once everything that was answered has been applied."""
        if self._writer is None:
            self._store.catch_up()
        else:
            self._writer.catch_up().result()
        return self._store
