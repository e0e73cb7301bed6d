"""W3C trace context, read as strictly as it is written."""

import pytest

from app.domain.trace import TraceContext, trace_context, trace_id_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("ff", True)])
def test_a_sane_traceparent_is_read(flags: str, sampled: bool) -> None:
    assert trace_context(f"00-{TRACE}-{SPAN}-{flags}") == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize("version", ["01", "cc", "fe"])
@pytest.mark.parametrize("more", ["", "-", "-what-comes-later"])
def test_a_later_version_is_read_as_far_as_this_one_goes(version: str, more: str) -> None:
    assert trace_context(f"{version}-{TRACE}-{SPAN}-01{more}") == TraceContext(TRACE, SPAN, True)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "-",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
        f"01-{TRACE}-{SPAN}-01more",
        f"01-{TRACE}-{SPAN}-01-\N{LATIN SMALL LETTER E WITH ACUTE}",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
        "' OR 1=1 --",
    ],
)
def test_one_that_is_not_sane_is_none(text: str | None) -> None:
    assert trace_context(text) is None


def test_what_was_read_is_written_as_it_was() -> None:
    text = f"00-{TRACE}-{SPAN}-01"
    found = trace_context(text)
    assert found is not None
    assert found.traceparent == text
    assert (trace_id_of(text), trace_id_of(None)) == (TRACE, None)
