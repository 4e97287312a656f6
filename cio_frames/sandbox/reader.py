"""The content of a sandbox as frames: the methods of ``Sandbox`` that read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cio_frames.errors import ConfigurationError, parameter
from cio_frames.sandbox import frames

if TYPE_CHECKING:
    from cio_frames.sandbox.settings import SandboxSettings
    from cio_frames.sandbox.store import Store
    from cio_frames.sandbox.writer import WriterThread


class SandboxReader:
    """The frames of a sandbox. Each includes all requests that were answered before."""

    _store: Store
    _settings: SandboxSettings
    _writer: WriterThread | None

    def calls(self) -> pd.DataFrame:
        """Return the accepted calls, one per row, in order of receipt.

        Returns
        -------
        pandas.DataFrame
            The API's fields, always the same columns, None where a call has no such field; ``receivedAt``; and
            ``request``, the number of the request that carried the call.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().calls().columns[:4].tolist()
        ['type', 'messageId', 'userId', 'anonymousId']
        """
        return frames.calls_frame(self._store)

    def people(self) -> pd.DataFrame:
        """Return the people, one per row, in the order in which they were first seen.

        Identify calls create and update them: absent traits stay, null and ``""`` remove. Events, groups and devices
        of an unknown person create the person, too. A visitor has an anonymous id alone; an identify with both ids, or
        an alias, merges the visitor into the person.

        Returns
        -------
        pandas.DataFrame
            ``userId``, ``email``, ``anonymousId`` (the last one), ``cioId`` (None for a visitor; an identify with it as
            user id can change the person's other ids), ``createdAt`` and ``traits``.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().people().columns.tolist()
        ['userId', 'email', 'anonymousId', 'cioId', 'createdAt', 'traits']
        """
        return frames.people_frame(self._require_state())

    def events(self) -> pd.DataFrame:
        """Return the events, that is, track, page and screen calls, in order of receipt.

        Semantic events that act (User Deleted, Device Created or Updated, ...) are not included, nor are events of
        suppressed people and repeated events whose message id is a ULID.

        Returns
        -------
        pandas.DataFrame
            ``type``, ``event`` (the name of the event, page or screen), ``userId`` and ``anonymousId`` of the call,
            ``cioId`` of the person after merges, ``timestamp`` (default is the time of receipt), ``properties`` and
            ``request``.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().events().columns.tolist()
        ['type', 'event', 'userId', 'anonymousId', 'cioId', 'timestamp', 'properties', 'request']
        """
        return frames.events_frame(self._require_state(), self._settings.assumptions)

    def objects(self) -> pd.DataFrame:
        """Return the objects that group calls created, one per row, by type.

        Returns
        -------
        pandas.DataFrame
            ``objectTypeId`` (text, default is "1"), ``objectId``, ``attributes``, and the number of ``people`` with a
            relationship to it.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().objects().columns.tolist()
        ['objectTypeId', 'objectId', 'attributes', 'people']
        """
        return frames.objects_frame(self._require_state())

    def relationships(self) -> pd.DataFrame:
        """Return the relationships of people to objects, one per row.

        Returns
        -------
        pandas.DataFrame
            ``objectTypeId``, ``objectId``, the person's ``userId``, ``anonymousId`` and ``cioId``, and the
            relationship's ``attributes``.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().relationships().columns.tolist()
        ['objectTypeId', 'objectId', 'userId', 'anonymousId', 'cioId', 'attributes']
        """
        return frames.relationships_frame(self._require_state())

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
        return frames.devices_frame(self._require_state())

    def suppressed(self) -> pd.DataFrame:
        """Return suppressed people, one per row.

        Returns
        -------
        pandas.DataFrame
            The blocked ``userId`` and ``email``, ``suppressedAt``, and the number of later calls that were ``ignored``;
            :meth:`problems` lists each of those.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().suppressed().columns.tolist()
        ['userId', 'email', 'suppressedAt', 'ignored']
        """
        return frames.suppressed_frame(self._require_state())

    def requests(self) -> pd.DataFrame:
        """Return the requests, one per row, including rejected ones.

        Returns
        -------
        pandas.DataFrame
            ``number`` (from 0), ``path``, ``status`` of the response (0 if there was none), ``bytes`` of the
            decompressed body, the number of ``calls``, accepted or not, and ``strict``.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().requests().columns.tolist()
        ['number', 'path', 'status', 'bytes', 'calls', 'strict']
        """
        return frames.requests_frame(self._store.requests())

    def problems(self) -> pd.DataFrame:
        """Return calls that strict mode rejected, that permissive mode dropped, or that had no full effect.

        A call with the response 200 that was not fully applied (a suppressed person, a repeated message id, an email
        of another person) is included. A valid call that was rejected with its batch is not.

        Returns
        -------
        pandas.DataFrame
            ``request`` (its number), ``item`` (the call's position in its batch, from 0; missing without a batch, or if
            the whole batch is wrong), ``messageId`` if there is one, and ``reason``.

        Examples
        --------
        >>> from cio_frames import Sandbox
        >>> Sandbox().problems().columns.tolist()
        ['request', 'item', 'messageId', 'reason']
        """
        return frames.problems_frame(self._read_up_to_date().problems())

    def _require_state(self) -> Store:
        if not self._settings.keeps_state:
            raise ConfigurationError(
                f"This sandbox has {parameter('state', False)}, so it has only calls(), requests() and problems(). "
                "Start it without this option for the other frames."
            )
        return self._read_up_to_date()

    def _read_up_to_date(self) -> Store:
        """Return the store once all answered requests have been applied."""
        if self._writer is None:
            self._store.catch_up()
        else:
            self._writer.catch_up().result()
        return self._store
