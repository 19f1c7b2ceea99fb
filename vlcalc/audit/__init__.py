"""What others printed, beside what vlcalc counts: equal, rounded, or different, and why."""
