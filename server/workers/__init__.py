"""Workers: the protocol between the server and its worker process, and both of its sides."""
