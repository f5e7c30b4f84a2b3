"""In: weights and generated inputs. Out: throughput and memory of the towers.

Baselines: eager torch on a CPU, the roofline on a GPU. Must not know: media files, the service.
"""
