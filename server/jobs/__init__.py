"""Jobs: the request, its validation, the states of a job, the store, the event feed and the scheduler."""
