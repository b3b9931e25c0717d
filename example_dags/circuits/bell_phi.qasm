OPENQASM 3.0;
include "stdgates.inc";

// Both qubits are found in the same state: 00 or 11.
// Written in the gates of today's IBM machines (rz, sx, cz) on physical qubits, so it runs as it stands.
bit[2] c;

rz(pi/2) $0; sx $0; rz(pi/2) $0;
rz(pi/2) $1; sx $1; rz(pi/2) $1;
cz $0, $1;
rz(pi/2) $1; sx $1; rz(pi/2) $1;

c[0] = measure $0;
c[1] = measure $1;
