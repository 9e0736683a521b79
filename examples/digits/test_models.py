from imgcls.suite import *
