OPENQASM 3.0;
include "stdgates.inc";

// The two qubits are found in opposite states: 01 or 10.
bit[2] c;

x $1;
rz(pi/2) $0; sx $0; rz(pi/2) $0;
rz(pi/2) $1; sx $1; rz(pi/2) $1;
cz $0, $1;
rz(pi/2) $1; sx $1; rz(pi/2) $1;

c[0] = measure $0;
c[1] = measure $1;
