"""Words, and foreign text made safe."""
