OPENQASM 3.0;
include "stdgates.inc";
// Four spins, each turned by theta from up towards x: ry(theta), in gates that the backend has.
input float[64] theta;
sx $0; rz(theta + pi) $0; sx $0; rz(pi) $0;
sx $1; rz(theta + pi) $1; sx $1; rz(pi) $1;
sx $2; rz(theta + pi) $2; sx $2; rz(pi) $2;
sx $3; rz(theta + pi) $3; sx $3; rz(pi) $3;
