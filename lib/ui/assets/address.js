// The page's address says what is on screen, so that it can be sent to somebody else. Streamlit writes the path, we the
// rest: its own way to set the query races with its change of the path.

/** Let the query of the URL have these names and values; null takes one away, others stay. */
export function tell(values) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(values)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}
