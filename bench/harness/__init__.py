# SPDX-License-Identifier: MIT
"""The parts of `bench/run.py`; bench/README.md says which does what."""
