"""What a job gives back: decoded, for XCom, for files, for Qiskit and pandas."""
