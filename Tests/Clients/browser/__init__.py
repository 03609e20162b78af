"""The web client in a headless Chromium."""
