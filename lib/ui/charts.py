"""Charts that do not tick: `st.plotly_chart` in the dashboard's one style.

This module alone decides how such a chart looks; its colours are the theme's, the same that the
live plots take (`.streamlit/config.toml`). Texts of others go into a figure through `said`, for
Plotly reads a little HTML in all texts.
"""

import html
from typing import TYPE_CHECKING, Any, NamedTuple

import streamlit as st

from lib.ui.plain import plain

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["Palette", "palette", "said", "show", "styled"]

FONT = '"Source Sans", sans-serif'
_CONFIG = {"displayModeBar": False, "showTips": False, "doubleClick": "reset", "scrollZoom": False}


class Palette(NamedTuple):
    """The colours of the viewer's theme, as `#rrggbb`; `series` always in this order."""

    ink: str
    quiet: str
    ground: str
    panel: str
    line: str
    accent: str
    watch: str
    bad: str
    series: tuple[str, ...]

    @property
    def ramp(self) -> list[tuple[float, str]]:
        """From nothing to all, in the one accent colour; darker (or lighter) than it at the end."""
        end = _mixed(self.accent, self.ink, 0.35)
        return [(0.0, self.panel), (0.7, self.accent), (1.0, end)]


def palette() -> Palette:
    """The theme's, light or dark as the viewer sees it. For a page script."""
    shade = "dark" if st.context.theme.type == "dark" else "light"

    def colour(name: str) -> str:
        return str(st.get_option(f"theme.{shade}.{name}"))

    return Palette(
        colour("textColor"),
        colour("grayTextColor"),
        colour("backgroundColor"),
        colour("secondaryBackgroundColor"),
        colour("borderColor"),
        colour("primaryColor"),
        colour("orangeColor"),
        colour("redColor"),
        tuple(st.get_option(f"theme.{shade}.chartCategoricalColors")),
    )


def said(text: object, limit: int = 90) -> str:
    """Somebody's text as a chart may hold it: one line, and nothing of it is markup."""
    return html.escape(plain(text, limit), quote=False)


def styled(figure: "go.Figure", colours: Palette, *, height: int, **layout: Any) -> "go.Figure":  # noqa: ANN401 - as Plotly takes it
    """The figure in the one style; `layout` is what differs."""
    axis = {
        "gridcolor": colours.line,
        "linecolor": colours.line,
        "zeroline": False,
        "ticks": "",
        "title": {"font": {"size": 13, "color": colours.quiet}, "standoff": 10},
        "tickfont": {"size": 12, "color": colours.quiet},
        "automargin": True,
    }
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font={"family": FONT, "size": 13, "color": colours.ink},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=list(colours.series),
        hoverlabel={
            "bgcolor": colours.panel,
            "bordercolor": colours.line,
            "font": {"family": FONT, "size": 13, "color": colours.ink},
            "align": "left",
        },
        legend={"font": {"size": 13, "color": colours.quiet}, "itemsizing": "constant"},
        dragmode="zoom",
    )
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure.update_layout(**layout)


def show(figure: "go.Figure", *, key: str, alt: str) -> None:
    """Draw it; `alt` says in a sentence what it shows."""
    st.plotly_chart(figure, key=key, theme=None, config=_CONFIG, alt=alt)


def _mixed(one: str, other: str, share: float) -> str:
    """A colour between two."""
    pairs = ((int(one[n : n + 2], 16), int(other[n : n + 2], 16)) for n in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
