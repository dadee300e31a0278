"""Decides whether values fit together or conflict: addresses, ports, platforms, constraints and images."""
