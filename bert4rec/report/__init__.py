"""One self-contained HTML file about a run, or several, for people who know no jargon."""
