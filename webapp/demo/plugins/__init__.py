"""The plugin folder of the demo."""
