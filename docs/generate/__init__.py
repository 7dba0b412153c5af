"""The pages of docs/reference/, made from the code whenever the site is built.

They are not kept in git: what a program prints about itself (`understudy VERB --help`) and its own source say the same
where there is no site, and a copy in the repository would have to be renewed with every option of every branch.
"""
