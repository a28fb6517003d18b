"""Plans: files, rules, forecasts, and who makes one."""
