"""Decisions about jobs, without Airflow. Internal, but for the names in ``__all__`` of its modules and packages.

``submit`` submits a job once; ``wait`` decides when to look and what a look means; ``backends`` chooses one;
``sessions`` opens and closes; ``budget`` adds up; ``orphans`` finds what nobody waits for; ``errors`` draws the errors.
"""
