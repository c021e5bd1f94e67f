"""What goes on beside the pages: runs, searches, comparisons, findings."""
