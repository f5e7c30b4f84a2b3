"""In: tasks of analyses of ultrasound. Out: candidates for review, in the folder of the analysis.

Must not know: HTTP, the scheduling order, what identifies a patient.
"""
