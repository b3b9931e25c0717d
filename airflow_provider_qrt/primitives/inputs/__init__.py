"""What a job is given: PUBs, observables and options, checked and written as each program wants them."""
