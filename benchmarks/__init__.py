"""DeepGLM beside other packages: the same data, the same objective, taking turns."""
