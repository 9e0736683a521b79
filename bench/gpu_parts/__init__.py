"""The parts of ``bench/gpu.py``: what each measures, and what runs them."""
