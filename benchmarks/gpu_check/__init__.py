"""What is to be seen on a GPU once, in ten minutes, on a machine without a network."""
