"""Watching: asks every server each second, keeps what they said, and hands it to who looks."""
