"""What a session is told that was broken off."""

BROKEN_OFF = "The session before was cut off from outside. The folder is as it was left: go on."
