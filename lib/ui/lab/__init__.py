"""The pages of the lab: what a served model does with a text. Each page is a module here."""

from lib.ui.lab import tokenizer

__all__ = ["tokenizer"]
