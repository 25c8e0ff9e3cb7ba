"""What a device is called."""

import pytest

from tokenward.server.sessions.device_label import device_label

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/139.0.0.0 Safari/537.36",
            "Chrome on Windows",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0) {_WEBKIT} Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0",
            "Edge on Windows",
        ),
        (f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} Chrome/139.0 Safari/537.36 OPR/123.0", "Opera on Linux"),
        (
            f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_WEBKIT} Chrome/139.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 FxiOS/140.0", "Firefox on iPad"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.5 Safari/605.1.15", "Safari on macOS"),
        ("curl/8.14.1", "curl 8.14.1"),
        ("python-requests/2.32.4", "python-requests 2.32.4"),
        ("ShopApp/4.2 (Android 15)", "ShopApp 4.2 on Android"),
        ("Mozilla/5.0 (compatible)", "Unknown device"),
        ("", "Unknown device"),
        ("\x1b[31mred", "Unknown device"),
        ("Änna", "Unknown device"),
        ("<script>alert(1)</script>", "<script>alert(1)<"),
        ("x" * 200, "x" * 40),
    ],
)
def test_a_device_is_called_by_its_program_and_system(agent: str, label: str) -> None:
    assert device_label(agent) == label
