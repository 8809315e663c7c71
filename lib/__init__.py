"""vLLM Inspector's rooms; each folder's `__init__` names what others may use."""
