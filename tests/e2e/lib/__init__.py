# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: the server under test, raw clients, scripted origins."""
