"""Internal. The inputs of a job: PUBs, observables and options, checked and converted for each program."""
