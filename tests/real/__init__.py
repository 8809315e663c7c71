"""The proof: real vLLM and real Prometheus, started here, asked by our rooms and by PromQL."""
