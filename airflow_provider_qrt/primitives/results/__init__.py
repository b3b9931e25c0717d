"""Internal. Decodes the results of jobs and converts them for XCom, files, Qiskit and pandas."""
