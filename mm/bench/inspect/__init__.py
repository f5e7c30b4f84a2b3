"""In: rendered parts. Out: times and memory of an inspector, beside anomalib's PatchCore.

Must not know data sets, the catalog or HTTP. anomalib, torch and OpenVINO are imported only by
`patchcore`; without them the rows of PatchCore are left out, with the reason.
"""
