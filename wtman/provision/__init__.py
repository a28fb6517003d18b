"""A checkout made fit for work: files, setup and cleanup commands, ports."""
