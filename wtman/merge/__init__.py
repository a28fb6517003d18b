"""Which branches land together: the search, the train, landing, patches."""
