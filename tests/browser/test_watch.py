"""The watch over pages has to see what it is there for."""


def test_errors_in_the_console_and_in_scripts_are_seen(page):
    page.set_content("<script>console.error('one'); console.log('fine'); throw new Error('two')</script>")
    assert page.watch.complaints == ["console error: one", "page error: two"]
    page.watch.complaints.clear()


def test_a_request_to_another_machine_is_seen_and_stopped(page):
    page.set_content("<img src='http://example.com/pixel.png'>")
    assert page.watch.complaints[0] == "outside request: http://example.com/pixel.png"
    assert "ERR_FAILED" in page.watch.complaints[1]
    page.watch.complaints.clear()


def test_faults_of_accessibility_are_found(page, barriers):
    page.set_content("<html lang='en'><title>t</title><main><h1>h</h1><input></main></html>")
    assert [fault.split(":")[0] for fault in barriers(page)] == ["label"]
