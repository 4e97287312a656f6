"""The files under ``schemas/`` hold the vendor's facts.

The facts are written out here once more, so that a typo in a schema fails a test.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from cio_frames import spec
from cio_frames.spec.package_data import package_folder

FAMILIES = {
    "ab_test": 1,
    "customerio": 9,
    "ecommerce": 28,
    "email": 6,
    "live_chat": 4,
    "mobile_app": 7,
    "video": 17,
}

NAMES = {
    "ab_test": ["Experiment Viewed"],
    "customerio": [
        "Device Created or Updated",
        "Device Deleted",
        "Object Deleted",
        "Relationship Deleted",
        "Report Content Event",
        "Report Delivery Event",
        "User Deleted",
        "User Suppressed",
        "User Unsuppressed",
    ],
    "ecommerce": [
        "Cart Shared",
        "Cart Viewed",
        "Checkout Started",
        "Checkout Step Completed",
        "Checkout Step Viewed",
        "Coupon Applied",
        "Coupon Denied",
        "Coupon Entered",
        "Coupon Removed",
        "Order Cancelled",
        "Order Completed",
        "Order Refunded",
        "Order Updated",
        "Payment Info Entered",
        "Product Added",
        "Product Added to Wishlist",
        "Product Clicked",
        "Product List Filtered",
        "Product List Viewed",
        "Product Removed",
        "Product Removed from Wishlist",
        "Product Reviewed",
        "Product Shared",
        "Product Viewed",
        "Products Searched",
        "Promotion Clicked",
        "Promotion Viewed",
        "Wishlist Product Added to Cart",
    ],
    "email": [
        "Email Bounced",
        "Email Delivered",
        "Email Link Clicked",
        "Email Marked as Spam",
        "Email Opened",
        "Email Unsubscribed",
    ],
    "live_chat": [
        "Live Chat Conversation Ended",
        "Live Chat Conversation Started",
        "Live Chat Message Received",
        "Live Chat Message Sent",
    ],
    "mobile_app": [
        "Application Backgrounded",
        "Application Crashed",
        "Application Foregrounded",
        "Application Installed",
        "Application Opened",
        "Application Uninstalled",
        "Application Updated",
    ],
    "video": [
        "Video Ad Completed",
        "Video Ad Playing",
        "Video Ad Started",
        "Video Content Completed",
        "Video Content Playing",
        "Video Content Started",
        "Video Playback Buffer Completed",
        "Video Playback Buffer Started",
        "Video Playback Completed",
        "Video Playback Exited",
        "Video Playback Interrupted",
        "Video Playback Paused",
        "Video Playback Resumed",
        "Video Playback Seek Completed",
        "Video Playback Seek Started",
        "Video Playback Started",
        "Video Quality Updated",
    ],
}

PRODUCT = "brand category coupon image_url name position price product_id quantity sku url variant"
PLAYBACK = (
    "ad_asset_id ad_enabled ad_pod_id ad_type bitrate content_asset_id content_pod_id framerate full_screen "
    "livestream position quality session_id sound total_length video_player"
)
ORDER = "affiliation coupon currency discount order_id products revenue shipping tax"
CHAT = "agent_id agent_name agent_username conversation_duration conversation_id message_id"

PROPERTIES = {
    "Application Backgrounded": "",
    "Application Crashed": "",
    "Application Installed": "build version",
    "Application Opened": "build from_background url version",
    "Application Updated": "build previous_build previous_version version",
    "Cart Shared": "cart_id products recipient share_message share_via",
    "Cart Viewed": "cart_id products",
    "Checkout Started": f"{ORDER} value",
    "Checkout Step Viewed": "checkout_id payment_method shipping_method step",
    "Coupon Applied": "cart_id coupon_id coupon_name discount order_id",
    "Coupon Denied": "cart_id coupon_id coupon_name order_id reason",
    "Coupon Entered": "cart_id coupon_id order_id",
    "Device Created or Updated": "",
    "Email Bounced": "campaign_id campaign_name email_id email_subject",
    "Email Link Clicked": "campaign_id campaign_name email_id email_subject link_id link_url",
    "Email Unsubscribed": "campaign_id campaign_name email_id email_subject list_id list_name",
    "Experiment Viewed": "experiment_id experiment_name variant_id variant_name variation_id variation_name",
    "Live Chat Conversation Ended": CHAT,
    "Live Chat Conversation Started": CHAT,
    "Live Chat Message Received": CHAT,
    "Live Chat Message Sent": CHAT,
    "Object Deleted": "objectId objectTypeId",
    "Order Cancelled": f"{ORDER} total",
    "Order Completed": f"{ORDER} checkout_id subtotal total",
    "Order Refunded": f"{ORDER} checkout_id subtotal total",
    "Order Updated": ORDER,
    "Payment Info Entered": "checkout_id order_id payment_method shipping_method step",
    "Product Added": f"{PRODUCT} cart_id",
    "Product Added to Wishlist": f"{PRODUCT} wishlist_id wishlist_name",
    "Product Clicked": f"{PRODUCT} currency value",
    "Product List Filtered": "category filters list_id products sorts",
    "Product List Viewed": "category list_id products",
    "Product Reviewed": "product_id rating review_body review_id",
    "Product Shared": (
        "brand category image_url name price product_id recipient share_message share_via sku url variant"
    ),
    "Product Viewed": f"{PRODUCT} currency value",
    "Products Searched": "query",
    "Promotion Viewed": "creative name position promotion_id",
    "Relationship Deleted": "objectId objectTypeId",
    "Report Content Event": "actionType contentId templateId",
    "Report Delivery Event": "actionName actionValue deliveryId href metric reason recipient",
    "User Deleted": "",
    "Video Ad Started": (
        "asset_id content load_type pod_id pod_length pod_position position publisher quartile session_id "
        "title total_length type"
    ),
    "Video Content Playing": (
        "airdate asset_id bitrate channel description framerate full_episode genre keywords livestream "
        "pod_id position program publisher season session_id title total_length"
    ),
    "Video Playback Interrupted": f"{PLAYBACK} method",
    "Video Playback Paused": PLAYBACK,
    "Video Playback Seek Started": f"{PLAYBACK} seek_position",
    "Video Quality Updated": "bitrate droppedFrames framerate startupTime",
    "Wishlist Product Added to Cart": f"{PRODUCT} cart_id wishlist_id wishlist_name",
}

# A name has one type wherever it stands; these two do not.
SEVERAL_TYPES = {"position": {"integer", "number", "string"}, "value": {"number", "string"}}

TYPES = {
    "array": "content_asset_ids content_pod_ids filters keywords products sorts",
    "boolean": "ad_enabled from_background full_episode full_screen livestream",
    "integer": (
        "bitrate contentId conversation_duration droppedFrames framerate objectTypeId pod_length "
        "pod_position quantity quartile rating seek_position sound startupTime step templateId "
        "total_length"
    ),
    "number": "discount price revenue shipping subtotal tax total",
    "object": "content",
    "string": (
        "actionName actionType actionValue ad_asset_id ad_pod_id ad_type affiliation agent_id agent_name "
        "agent_username airdate asset_id brand build campaign_id campaign_name cart_id category channel "
        "checkout_id content_asset_id content_pod_id conversation_id coupon coupon_id coupon_name "
        "creative currency deliveryId description email_id email_subject experiment_id experiment_name "
        "genre href image_url link_id link_url list_id list_name load_type message_id method metric name "
        "objectId order_id payment_method pod_id previous_build previous_version product_id program "
        "promotion_id publisher quality query reason recipient review_body review_id season session_id "
        "share_message share_via shipping_method sku title type url variant variant_id variant_name "
        "variation_id variation_name version video_player wishlist_id wishlist_name"
    ),
}

ROLLS = ("pre-roll", "mid-roll", "post-roll")


def event(name: str) -> spec.Event:
    return spec.semantic_events()[name]


def leaf(name: str, path: str) -> spec.Field:
    return dict(event(name).properties.leaves())[path]


# What is there


@pytest.mark.parametrize(("family", "count"), FAMILIES.items())
def test_a_family_has_as_many_events_as_the_vendor_describes(family: str, count: int) -> None:
    assert Counter(event.family for event in spec.semantic_events().values())[family] == count


@pytest.mark.parametrize(("family", "names"), NAMES.items())
def test_events_have_the_names_of_the_vendors_list(family: str, names: list[str]) -> None:
    assert sorted(name for name, event in spec.semantic_events().items() if event.family == family) == names


def test_two_of_the_73_listed_events_are_other_names_of_events() -> None:
    others = {other: name for name, event in spec.semantic_events().items() for other in event.other_names}
    assert len(spec.semantic_events()) == 72
    assert others == {
        "Group Deleted": "Object Deleted",
        "Video Playback interrupted": "Video Playback Interrupted",
    }


@pytest.mark.parametrize(("name", "properties"), PROPERTIES.items())
def test_an_event_has_exactly_these_properties(name: str, properties: str) -> None:
    assert sorted(event(name).properties.properties) == sorted(properties.split())


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("Application Foregrounded", "Application Backgrounded"),
        ("Application Uninstalled", "Application Backgrounded"),
        ("Checkout Step Completed", "Checkout Step Viewed"),
        ("Coupon Removed", "Coupon Applied"),
        ("Email Delivered", "Email Bounced"),
        ("Email Marked as Spam", "Email Opened"),
        ("Order Refunded", "Order Completed"),
        ("Product Removed", "Product Added"),
        ("Product Removed from Wishlist", "Product Added to Wishlist"),
        ("Product Viewed", "Product Clicked"),
        ("Promotion Clicked", "Promotion Viewed"),
        ("Video Ad Completed", "Video Ad Started"),
        ("Video Ad Playing", "Video Ad Started"),
        ("Video Content Completed", "Video Content Started"),
        ("Video Content Playing", "Video Content Started"),
        ("Video Playback Buffer Completed", "Video Playback Paused"),
        ("Video Playback Buffer Started", "Video Playback Paused"),
        ("Video Playback Completed", "Video Playback Paused"),
        ("Video Playback Exited", "Video Playback Paused"),
        ("Video Playback Resumed", "Video Playback Paused"),
        ("Video Playback Seek Completed", "Video Playback Paused"),
    ],
)
def test_these_two_events_have_the_same_properties_and_context(name: str, same: str) -> None:
    assert event(name).properties == event(same).properties
    assert event(name).context == event(same).context


def test_a_property_has_the_vendors_type_wherever_it_stands() -> None:
    found: dict[str, set[str | None]] = {}
    for described in spec.semantic_events().values():
        for path, field in described.properties.leaves():
            found.setdefault(path.rpartition(".")[2], set()).add(field.type)
    expected = {name: {type_} for type_, names in TYPES.items() for name in names.split()}
    assert found == expected | SEVERAL_TYPES


def test_a_value_is_an_amount_of_money_except_in_filters_and_sorts() -> None:
    for name in ("Product Clicked", "Product Viewed", "Checkout Started"):
        assert leaf(name, "value").type == "number"
    for path in ("filters[].type", "filters[].value", "sorts[].type", "sorts[].value"):
        assert leaf("Product List Filtered", path).type == "string"


def test_no_property_has_been_lost_or_added() -> None:
    # The vendor has 650, two of them in Group Deleted; actionName, seek_position and two variant_* are added.
    leaves = [
        field
        for found in spec.semantic_events().values()
        for _, field in found.properties.leaves()
        if not field.properties and not (field.items and field.items.properties)
    ]
    assert len(leaves) == 650 - 2 + 4


def test_a_product_in_a_list_has_the_twelve_fields_of_a_product() -> None:
    product = leaf("Order Completed", "products").items
    assert product is not None
    assert sorted(product.properties) == PRODUCT.split()


def test_the_products_of_a_shared_cart_are_ids_alone() -> None:
    products = leaf("Cart Shared", "products").items
    assert products is not None
    assert list(products.properties) == ["product_id"]


def test_date_times_are_marked_only_on_the_air_date_of_a_video() -> None:
    formats = {
        (name, path): found.format
        for name, event in spec.semantic_events().items()
        for path, found in event.properties.leaves()
        if found.format
    }
    content = ("Video Content Completed", "Video Content Playing", "Video Content Started")
    digits = {(name, "objectTypeId"): "digits" for name in ("Object Deleted", "Relationship Deleted")}
    assert formats == digits | {(name, "airdate"): "date-time" for name in content}


@pytest.mark.parametrize(
    ("name", "path", "enum"),
    [
        ("Report Content Event", "actionType", ("viewed_content", "clicked_content")),
        ("Video Ad Started", "load_type", ("dynamic", "linear")),
        ("Video Ad Started", "type", ROLLS),
        ("Video Playback Paused", "ad_type", ROLLS),
        ("Video Playback Started", "ad_type", ROLLS),
    ],
)
def test_a_property_takes_only_the_values_that_the_vendor_lists(name: str, path: str, enum: tuple[str, ...]) -> None:
    assert leaf(name, path).enum == enum


def test_the_sound_of_a_video_goes_from_0_to_100() -> None:
    sound = leaf("Video Playback Resumed", "sound")
    assert (sound.type, sound.minimum, sound.maximum) == ("integer", 0, 100)


def test_only_these_events_require_properties() -> None:
    required = {
        name: event.properties.required for name, event in spec.semantic_events().items() if event.properties.required
    }
    assert required == {
        "Email Bounced": ("email_id",),
        "Email Delivered": ("email_id",),
        "Email Link Clicked": ("email_id",),
        "Email Marked as Spam": ("email_id",),
        "Email Opened": ("email_id",),
        "Email Unsubscribed": ("email_id",),
        "Object Deleted": ("objectId",),
        "Relationship Deleted": ("objectId",),
        "Report Content Event": ("actionType",),
        "Report Delivery Event": ("deliveryId", "metric"),
    }


def test_customerios_own_events_say_which_ids_they_need_and_the_others_need_those_of_track() -> None:
    ids = {name: event.ids for name, event in spec.semantic_events().items()}
    own = {name: ids.pop(name) for name in NAMES["customerio"]}
    assert own == {
        "Device Created or Updated": ("userId",),
        "Device Deleted": ("userId",),
        "Object Deleted": ("anonymousId",),
        "Relationship Deleted": ("userId",),
        "Report Content Event": (),
        "Report Delivery Event": (),
        "User Deleted": ("userId",),
        "User Suppressed": ("userId",),
        "User Unsuppressed": ("userId",),
    }
    assert set(ids.values()) == {("userId", "anonymousId")}


# Quirks of the vendor's file, and how each is settled


def test_a_name_in_two_spellings_is_one_event() -> None:
    assert spec.semantic_event("Video Playback interrupted") is event("Video Playback Interrupted")


@pytest.mark.parametrize("name", ["Video playback started", "Create Device", "Delete Person"])
def test_headings_and_titles_of_the_vendors_prose_are_no_events(name: str) -> None:
    assert spec.semantic_event(name) is None


@pytest.mark.parametrize(
    "title",
    ["Payment Info Updated", "Wishlisted Item Added to Cart", "Product Removed From Wishlist"],
)
def test_a_schema_title_that_differs_from_the_listed_name_is_no_event(title: str) -> None:
    assert spec.semantic_event(title) is None


def test_group_deleted_is_read_as_object_deleted() -> None:
    assert spec.semantic_event("Group Deleted") is event("Object Deleted")


@pytest.mark.parametrize("name", ["Object Deleted", "Relationship Deleted"])
def test_deleting_names_its_object_by_object_id_and_its_type_by_an_integer_that_is_1_if_absent(
    name: str,
) -> None:
    assert leaf(name, "objectId").type == "string"
    assert (leaf(name, "objectTypeId").type, leaf(name, "objectTypeId").default) == ("integer", 1)
    assert "groupId" not in event(name).properties.properties


def test_report_content_event_has_an_action_type_and_no_activity_type() -> None:
    assert "activityType" not in event("Report Content Event").properties.properties


def test_report_delivery_event_takes_the_metrics_of_schema_and_destination() -> None:
    assert leaf("Report Delivery Event", "metric").enum == (
        "delivered",
        "clicked",
        "converted",
        "opened",
        "bounced",
        "dropped",
        "deferred",
        "spammed",
    )


@pytest.mark.parametrize(
    ("name", "required"),
    [("Device Created or Updated", ("token", "type")), ("Device Deleted", ("token",))],
)
def test_a_device_stands_in_the_context(name: str, required: tuple[str, ...]) -> None:
    context = event(name).context
    device = context.properties["device"]
    assert not event(name).properties.properties
    assert (context.required, device.required) == (("device",), required)
    assert sorted(device.properties) == ["token", "type"]
    assert device.properties["type"].enum == ("ios", "android")


@pytest.mark.parametrize(
    ("name", "traits"),
    [
        ("Email Bounced", "email"),
        ("Email Delivered", "email"),
        ("Email Link Clicked", "email ip user_agent"),
        ("Email Marked as Spam", "email ip user_agent"),
        ("Email Opened", "email ip user_agent"),
        ("Email Unsubscribed", "email ip user_agent"),
    ],
)
def test_email_events_have_the_address_and_in_four_cases_the_reader_in_the_contexts_traits(
    name: str, traits: str
) -> None:
    context = event(name).context
    assert list(context.properties) == ["traits"]
    assert context.properties["traits"].properties == {trait: spec.Field(type="string") for trait in traits.split()}
    assert not context.required


@pytest.mark.parametrize(
    ("name", "path", "type_"),
    [
        ("Product Clicked", "position", "number"),
        ("Order Completed", "products[].position", "number"),
        ("Promotion Viewed", "position", "string"),
        ("Video Playback Started", "position", "integer"),
        ("Video Content Started", "position", "integer"),
        ("Video Ad Started", "position", "integer"),
    ],
)
def test_a_position_has_the_type_that_its_own_event_gives_it(name: str, path: str, type_: str) -> None:
    assert leaf(name, path).type == type_


def test_a_started_playback_has_lists_of_ids_and_the_other_playback_events_one_id() -> None:
    for path in ("content_asset_ids", "content_pod_ids"):
        ids = leaf("Video Playback Started", path)
        assert (ids.type, ids.items) == ("array", spec.Field(type="string"))
        assert leaf("Video Playback Paused", path.removesuffix("s")).type == "string"
        assert path not in event("Video Playback Paused").properties.properties


def test_a_started_seek_has_the_position_that_only_the_prose_names() -> None:
    assert leaf("Video Playback Seek Started", "seek_position").type == "integer"
    assert "seek_position" not in event("Video Playback Seek Completed").properties.properties


def test_the_content_of_an_advertisement_is_an_object_of_anything() -> None:
    assert leaf("Video Ad Started", "content") == spec.Field(type="object")


def test_an_experiment_takes_variations_and_variants() -> None:
    paths = ("variation_id", "variation_name", "variant_id", "variant_name")
    assert {leaf("Experiment Viewed", path).type for path in paths} == {"string"}


def test_a_group_requires_its_id_and_takes_the_object_type_in_traits_under_both_names() -> None:
    group = spec.calls()["group"]
    assert (group.required, group.ids) == (("groupId",), ())
    assert {"object_type_id", "objectTypeId"} <= group.fields["traits"].properties.keys()


def test_a_track_call_needs_a_person_and_has_no_group_id() -> None:
    track = spec.calls()["track"]
    assert (track.ids, track.required) == (("userId", "anonymousId"), ("event",))
    assert "groupId" not in track.fields


def test_alias_is_one_of_the_types_of_call_that_a_batch_may_carry() -> None:
    assert spec.calls()["alias"].fields["type"].enum == spec.CALL_NAMES


def test_the_context_takes_what_official_clients_send() -> None:
    context = spec.calls()["track"].fields["context"].properties
    assert {"library", "timezone", "location"} <= context.keys()
    assert "token" in context["device"].properties


def test_a_page_has_its_category_in_the_properties() -> None:
    page = spec.calls()["page"].fields
    assert page["properties"].properties["category"].type == "string"
    assert "category" not in page


def test_the_rate_is_that_of_the_section_on_limits() -> None:
    assert spec.read_api().limits["requests_per_second"] == 1000


def test_schemas_the_vendor_left_behind_are_not_here() -> None:
    assert not [path.name for path in package_folder("schemas").rglob("*") if "_bad" in path.name]


# What holds for every file


def test_every_required_name_is_a_field() -> None:
    def check(where: str, found: spec.Field) -> None:
        assert set(found.required) <= found.properties.keys(), where
        for path, below in found.leaves():
            assert set(below.required) <= below.properties.keys(), f"{where}: {path}"

    for name, found in spec.semantic_events().items():
        check(name, found.properties)
        check(f"{name}, context", found.context)
    for call in spec.calls().values():
        assert set(call.required) <= call.fields.keys()
        for path, field in call.fields.items():
            check(f"{call.name}: {path}", field)


def test_every_id_that_an_event_needs_is_a_field_of_track() -> None:
    fields = spec.calls()["track"].fields
    for name, found in spec.semantic_events().items():
        assert set(found.ids) <= fields.keys(), name


def test_every_field_of_an_event_says_its_type() -> None:
    untyped = [
        (name, path)
        for name, found in spec.semantic_events().items()
        for part in (found.properties, found.context)
        for path, below in part.leaves()
        if below.type is None
    ]
    assert not untyped


@pytest.mark.parametrize("path", sorted(package_folder("schemas").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_definition_is_used_in_its_file_and_every_file_names_its_source(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    block = re.search(r"^\$defs:\n((?: .*\n|\n)+)", text, re.MULTILINE)
    defined = re.findall(r"^  (\w+):", block[1], re.MULTILINE) if block else []
    assert sorted(defined) == sorted(set(re.findall(r'"#/\$defs/(\w+)"', text)))
    assert "\n# Source: " in text
