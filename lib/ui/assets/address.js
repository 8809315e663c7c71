// The page's address says what is on screen, so that it can be sent to somebody else. Streamlit writes the path, we the
// rest: its own way to set the query races with its change of the path.

/** Let the query of the URL be these names and values; others stay. */
export function tell(values) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(values)) url.searchParams.set(name, value);
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}
