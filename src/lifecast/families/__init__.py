"""Model families, interchangeable: each binds kernels to one contract."""
