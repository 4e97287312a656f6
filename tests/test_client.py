import inspect
import pickle
import subprocess
import sys
import traceback
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from cio_frames import Client, ConfigurationError

KEY = "sekret-key-123"


def client(**settings):
    return Client(write_key=KEY, **settings)


def test_from_env_reads_key_region_and_endpoint():
    environ = {"CIO_WRITE_KEY": KEY, "CIO_REGION": "eu", "CIO_ENDPOINT": "https://proxy.example.com"}
    found = Client.from_env(environ)
    assert (found.write_key, found.region, found.endpoint) == (KEY, "eu", "https://proxy.example.com")


def test_from_env_reads_the_environment_of_the_process(monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", KEY)
    assert Client.from_env() == Client(write_key=KEY)


def test_settings_given_to_from_env_win_over_the_environment():
    found = Client.from_env({"CIO_WRITE_KEY": KEY, "CIO_REGION": "eu"}, region="us", workers=2)
    assert (found.region, found.endpoint, found.workers) == ("us", "https://cdp.customer.io", 2)


def test_a_key_given_to_from_env_needs_none_in_the_environment():
    assert Client.from_env({}, write_key=KEY).write_key == KEY


def test_empty_variables_count_as_not_set():
    assert Client.from_env({"CIO_WRITE_KEY": KEY, "CIO_REGION": "", "CIO_ENDPOINT": ""}) == Client(write_key=KEY)


@pytest.mark.parametrize("environ", [{}, {"CIO_WRITE_KEY": ""}])
def test_without_a_key_from_env_names_the_variable_and_two_ways_to_try(environ):
    with pytest.raises(ConfigurationError, match=r"Set CIO_WRITE_KEY .*Sandbox\(\)\.client, and dry_run=True"):
        Client.from_env(environ)


@pytest.mark.parametrize("key", ["", "   ", None, 7])
def test_a_blank_key_is_refused(key):
    with pytest.raises(ConfigurationError, match="write_key is empty"):
        Client(write_key=key)


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}\r\n", "sekr\u00e9t", "sekret\x00"])
def test_a_key_with_invalid_characters_is_refused_without_showing_it(key):
    with pytest.raises(ConfigurationError, match="write_key has invalid characters") as caught:
        Client(write_key=key)
    assert "sekr" not in str(caught.value)


def test_an_unknown_region_is_refused_with_the_known_ones():
    with pytest.raises(ConfigurationError) as caught:
        client(region="ap")
    assert str(caught.value) == "region must be 'us' or 'eu', got 'ap'."


@pytest.mark.parametrize(
    ("region", "endpoint"), [("us", "https://cdp.customer.io"), ("eu", "https://cdp-eu.customer.io")]
)
def test_the_endpoint_follows_from_the_region(region, endpoint):
    assert client(region=region).endpoint == endpoint


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        (
            "https://example.com/v1",
            "must be scheme and host without a path, got 'https://example.com/v1'. Set endpoint='https://example.com'.",
        ),
        ("https://example.com?a=1", "without a path"),
        ("https://example.com#a", "without a path"),
        ("example.com", "must be a URL such as https://example.com, got "),
        ("ftp://example.com", "must be a URL such as https://example.com, got "),
        ("https://", "must be a URL such as https://example.com, got "),
        ("https://example.com:port", "must be a URL such as https://example.com, got "),
        ("https://example.com:99999", "must be a URL such as https://example.com, got "),
        ("https://[::1", "must be a URL such as https://example.com, got "),
        ("https://example.com ", "must be a URL such as https://example.com, got "),
        (f"https://{KEY}:@example.com", "must not hold a user name or a password"),
        (f"https://ada:{KEY}@example.com", "must not hold a user name or a password"),
        (f"{KEY}:@example.com", "must not hold a user name or a password"),
        ("http://example.com", "would send people's data unencrypted"),
        ("http://10.0.0.1", "would send people's data unencrypted"),
        ("http://localhost.example.com", "would send people's data unencrypted"),
    ],
)
def test_an_invalid_endpoint_is_refused_without_showing_the_key(endpoint, words):
    with pytest.raises(ConfigurationError) as caught:
        client(endpoint=endpoint)
    assert words in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:8000", "http://127.9.9.9", "http://[::1]:8000", "http://localhost"]
)
def test_plain_http_is_accepted_for_this_machine(endpoint):
    assert client(endpoint=endpoint).endpoint == endpoint


def test_a_slash_behind_the_host_is_dropped():
    assert client(endpoint="https://example.com/").endpoint == "https://example.com"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_call_bytes", 0),
        ("workers", 0),
        ("workers", -1),
        ("attempts", 0),
        ("requests_per_second", 0),
        ("requests_per_second", float("nan")),
        ("connect_timeout_seconds", 0),
        ("read_timeout_seconds", 0),
        ("read_timeout_seconds", float("inf")),
        ("retry_budget_seconds", -1),
        ("max_body_bytes", 32_000),
    ],
)
def test_a_limit_out_of_range_is_refused_by_name(setting, value):
    with pytest.raises(ConfigurationError, match=f"^{setting} must be .*, got {value}\\.$") as caught:
        client(**{setting: value})
    assert caught.value.text("command line").startswith(f"--{setting.replace('_', '-')} must be ")


def test_the_key_is_in_neither_repr_nor_str():
    assert KEY not in repr(client()) + str(client()) + f"{client()}"


def test_a_client_survives_pickling():
    assert pickle.loads(pickle.dumps(client(region="eu"))) == client(region="eu")


def test_the_signature_shows_nothing_of_the_environment(monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", KEY)
    assert KEY not in str(inspect.signature(Client.from_env))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"workers": 1.5}, "workers must be int, got float"),
        ({"workers": True}, "workers must be int, got bool"),
        ({"max_call_bytes": "32000"}, "max_call_bytes must be int, got str"),
        ({"endpoint": 5}, "endpoint must be str, got int"),
        ({"strict": "no"}, "strict must be bool, got str"),
        ({"read_timeout_seconds": None}, "read_timeout_seconds must be int or float, got NoneType"),
        ({"region": 1}, "region must be str or None, got int"),
    ],
)
def test_a_setting_of_another_type_is_refused_at_once(setting, words):
    with pytest.raises(ConfigurationError, match=words):
        client(**setting)


def test_without_a_key_the_command_line_names_its_own_ways_to_try():
    with pytest.raises(ConfigurationError) as caught:
        Client.from_env({})
    assert caught.value.text("command line") == (
        "The write key is missing. Set CIO_WRITE_KEY in the environment. To try without an account, start cio-frames "
        "sandbox, and --dry-run sends nothing at all."
    )


def test_from_env_has_a_parameter_for_each_setting_and_refuses_others():
    parameters = inspect.signature(Client.from_env).parameters
    assert list(parameters) == ["environ", *(each.name for each in fields(Client))]
    annotations = {each.name: f"{each.type.removesuffix(' | None')} | None" for each in fields(Client)}
    assert all(parameters[name].annotation == annotation for name, annotation in annotations.items())
    with pytest.raises(TypeError, match="write_kye"):
        Client.from_env({}, write_kye=KEY)


def test_from_env_passes_every_setting_on():
    given = client(
        region="eu", endpoint="https://example.com", strict=False, gzip=True, max_call_bytes=1_000,
        max_body_bytes=2_000, requests_per_second=3.0, workers=2, attempts=1, connect_timeout_seconds=4.0,
        read_timeout_seconds=5.0, retry_budget_seconds=0.0,
    )  # fmt: skip
    settings = {each.name: getattr(given, each.name) for each in fields(Client)}
    assert Client.from_env({"CIO_WRITE_KEY": "other", "CIO_REGION": "us"}, **settings) == given
    assert all(settings[each.name] != each.default for each in fields(Client))


def test_importing_the_package_does_not_import_requests():
    code = "import sys, cio_frames; cio_frames.Client(write_key='k'); print('requests' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


EU_KEY = "sk_eu_0123456789_abcdef"


@pytest.mark.parametrize("kind", ["pk", "sk", "wk", "ak"])
@pytest.mark.parametrize("region", ["us", "eu"])
def test_a_key_that_names_its_region_decides_it(kind, region):
    key = f"{kind}_{region}_0123456789_abcdef"
    assert Client(write_key=key).region == region
    assert Client(write_key=key) == Client(write_key=key, region=region)
    assert Client.from_env({"CIO_WRITE_KEY": key}).endpoint == Client(write_key="plain", region=region).endpoint


@pytest.mark.parametrize(
    "key", ["eu_0123456789", "sk_ap_0123456789_abcdef", "SK_EU_0123_ab", "xsk_eu_0123_ab", "sk_eu_"]
)
def test_other_keys_name_no_region(key):
    assert Client(write_key=key).region == "us"
    assert Client(write_key=key, region="eu").region == "eu"


@pytest.mark.parametrize(
    "build",
    [
        lambda: Client(write_key=EU_KEY, region="us"),
        lambda: Client.from_env({"CIO_WRITE_KEY": EU_KEY, "CIO_REGION": "us"}),
        lambda: Client.from_env({"CIO_WRITE_KEY": EU_KEY}, region="us"),
        lambda: Client(write_key=EU_KEY, endpoint="https://cdp.customer.io"),
    ],
)
def test_a_region_other_than_that_of_the_key_is_refused_with_both_named(build):
    with pytest.raises(ConfigurationError) as caught:
        build()
    assert "'us'" in str(caught.value)
    assert "a private key (sk_eu_...) of region 'eu'" in str(caught.value)
    assert "0123456789" not in str(caught.value)


def test_a_key_of_any_region_goes_to_an_endpoint_of_ones_own():
    assert Client(write_key=EU_KEY, endpoint="http://127.0.0.1:8000").endpoint == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    "build",
    [
        lambda: Client.from_env({"CIO_WRITE_KEY": KEY, "CIO_REGION": "mars"}),
        lambda: Client.from_env({"CIO_WRITE_KEY": f"{KEY} "}),
        lambda: Client.from_env({"OTHER": KEY}),
        lambda: Client.from_env(write_key=KEY, workers=0),
        lambda: Client(write_key=KEY, region="mars"),
        lambda: Client(write_key=KEY, wrkers=2),
        lambda: Client(write_key=f"{KEY}\n"),
        lambda: replace(client(), workers=0),
    ],
)
def test_no_local_variable_of_an_error_shows_the_key(build, monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", KEY)
    with pytest.raises((ConfigurationError, TypeError)) as caught:
        build()
    frames = [entry.frame for entry in caught.traceback if entry.path != Path(__file__)]
    assert frames
    assert [name for frame in frames for name, value in frame.f_locals.items() if KEY in repr(value)] == []


def test_a_key_is_a_text_whose_repr_does_not_show_it():
    assert (client().write_key, repr(client().write_key)) == (KEY, "(write key)")
    assert KEY not in repr(asdict(client()))


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://[::1].evil.example",
        "http://[::1]evil.example:80",
        "https://x%00y",
        "https://x%2ey",
        "https://x\x00y",
        "https://x\\y",
        "https://a b",
        "https://[::1",
        "https://x:y",
        "https://:443",
    ],
)
def test_an_endpoint_that_is_not_a_plain_host_is_refused_when_the_client_is_made(endpoint):
    with pytest.raises(ConfigurationError, match="endpoint must be a URL such as https://example"):
        Client(write_key=KEY, endpoint=endpoint)


@pytest.mark.parametrize("endpoint", ["https://bücher.example", "http://[::1]:8480", "https://a-b_c.example:8443"])
def test_an_endpoint_may_be_any_host_with_a_port(endpoint):
    assert Client(write_key=KEY, endpoint=endpoint).endpoint == endpoint


@pytest.mark.parametrize("endpoint", [EU_KEY, f"https://example.com/{EU_KEY}", f"https://x.example?key={EU_KEY}"])
def test_a_key_in_the_place_of_an_endpoint_is_not_repeated(endpoint):
    with pytest.raises(ConfigurationError) as caught:
        Client(write_key=KEY, endpoint=endpoint)
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = [str(frame.locals) for frame in trace.stack if frame.filename != __file__]
    assert EU_KEY not in str(caught.value) + "".join(shown)
