"""Cancel, in the triggerer, jobs and sessions that their tasks can no longer cancel. Internal."""
