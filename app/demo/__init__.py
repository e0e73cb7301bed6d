"""The main job as a story on a terminal, on real parts."""
