"""The arguments of operators and sensors: their names and types, and what is checked when a DAG file is parsed."""
