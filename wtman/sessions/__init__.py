"""One agent process: prompted, launched, asked, handed over."""
