"""The page watch of ``conftest.py`` detects errors, outside requests and accessibility violations."""


def test_console_errors_and_script_errors_are_detected(page):
    page.set_content("<script>console.error('one'); console.log('fine'); throw new Error('two')</script>")
    assert page.watch.complaints == ["console error: one", "page error: two"]
    page.watch.complaints.clear()


def test_an_outside_request_is_detected_and_blocked(page):
    page.set_content("<img src='http://example.com/pixel.png'>")
    assert page.watch.complaints[0] == "outside request: http://example.com/pixel.png"
    assert "ERR_FAILED" in page.watch.complaints[1]
    page.watch.complaints.clear()


def test_accessibility_violations_are_detected(page, barriers):
    page.set_content("<html lang='en'><title>t</title><main><h1>h</h1><input></main></html>")
    assert [fault.split(":")[0] for fault in barriers(page)] == ["label"]
