"""Pictures of simple solids by casting rays, in numpy alone."""
